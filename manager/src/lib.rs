//! The managers of EDRI: handlers, their inbox and the loop that runs them.
