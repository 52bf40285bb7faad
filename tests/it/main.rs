//! The stories: the whole system, end to end, in virtual time.

mod crm;
mod door;
mod facts;
mod first_story;
mod lifecycle;
mod store;
mod stories;
mod template;
mod tidy;
