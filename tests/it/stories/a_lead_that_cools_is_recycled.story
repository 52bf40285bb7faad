at 2026-01-06T10:00:00Z
lead.scored fay country=GB previous_score=10 score=71
accept fay by amara
touch fay by amara channel=email
recycle fay by amara to=nurture reason=not_now
show fay
accept fay by amara
# New interest opens a new handoff that starts from what is known.
wait 2d
demo.requested fay country=GB intent_signal=Requested_a_demo
show fay2
touch fay2 by ben channel=phone
