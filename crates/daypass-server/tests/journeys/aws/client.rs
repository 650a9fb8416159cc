//! The command, where it runs at AWS.
