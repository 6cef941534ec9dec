//! Attribute macros of EDRI: manager and main.
use proc_macro::TokenStream;

/// Manager.
#[proc_macro_attribute]
pub fn manager(_options: TokenStream, item: TokenStream) -> TokenStream { item }
/// Main.
#[proc_macro_attribute]
pub fn main(_options: TokenStream, item: TokenStream) -> TokenStream { item }
