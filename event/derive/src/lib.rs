//! Derive macros for EDRI events.
use proc_macro::TokenStream;

/// Notification.
#[proc_macro_derive(Notification, attributes(notification))]
pub fn notification(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
/// Request.
#[proc_macro_derive(Request, attributes(request))]
pub fn request(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
/// Tunnel.
#[proc_macro_derive(Tunnel, attributes(tunnel))]
pub fn tunnel(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
