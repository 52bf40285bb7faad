//! The stories: the whole system, end to end, in virtual time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails, and says where"
)]

mod access;
mod audit;
mod burst;
mod by_hand;
mod clocks;
mod conversation;
mod cost;
mod courier;
mod crm;
mod door;
mod engine;
mod enrichment;
mod facts;
mod feedback;
mod first_story;
mod fuzz;
mod lateness;
mod lifecycle;
mod logs;
mod package;
mod people;
mod recount;
mod redrive;
mod refused;
mod rivals;
mod roles;
mod settling;
mod sign_in;
mod simulation;
mod slack_clicks;
mod store;
mod stories;
mod sweep;
mod template;
mod tidy;
mod upgrades;
mod waiting;
