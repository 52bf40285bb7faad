//! Plays every story and compares its transcript with the recorded one.

use tests::story::play;

macro_rules! stories {
    ($($name:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            let text = include_str!(concat!("stories/", stringify!($name), ".story"));
            insta::assert_snapshot!(stringify!($name), play(text).await);
        }
    )*};
}

stories! {
    a_customer_asks_to_wait,
    a_demo_request_is_answered_and_leads_to_a_meeting,
    a_lead_that_cools_is_recycled,
    a_score_crosses_once,
    a_second_trigger_joins_and_a_hotter_one_upgrades,
    a_signed_contract_and_the_crm_are_one_handoff,
    a_weekend_lead_is_due_on_monday,
    an_enterprise_deal_is_signed,
    an_unanswered_lead_climbs_the_ladder,
    everybody_is_away,
    it_goes_back_and_comes_again,
    the_meeting_moves_and_is_cancelled,
    three_touches_after_accepting,
    two_contacts_turn_out_to_be_one_person,
    usage_opens_an_expansion,
}
