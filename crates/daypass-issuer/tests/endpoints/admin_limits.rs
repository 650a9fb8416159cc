//! What even an administrator may not do.
