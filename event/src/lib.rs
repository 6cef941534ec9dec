//! The events of EDRI: kinds, identity, metadata, failures and codecs.
