//! Where files are kept, and what happens when that place fails: promise 10, one fault at a time.

mod bucket;
mod crash;
mod database;
mod full_disk;
mod publisher;
mod s3;
mod s3_faults;
