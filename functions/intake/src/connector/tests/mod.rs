//! The connectors as a whole: published vectors, fixtures of real senders, and every bad input the
//! front door survives.

mod fixtures;
mod generic;
mod hostile;
mod hubspot;
mod pipedrive;
mod salesforce;
mod signatures;
mod slack;
