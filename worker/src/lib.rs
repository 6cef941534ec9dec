//! The workers of EDRI: pools of tasks and threads that answer one request type.
