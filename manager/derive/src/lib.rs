//! Attribute macros of EDRI: manager and main.
