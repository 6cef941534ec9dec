//! Derive macros for EDRI events.
