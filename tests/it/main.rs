//! The stories: the whole system, end to end, in virtual time.

mod first_story;
