//! Event-driven programs that start in one process and grow to many.
