at 2026-01-05T09:30:00Z
# A demo request has five minutes, and an owner within a second.
demo.requested dana country=GB intent_signal=Requested_a_demo
wait 90s
accept dana by amara
touch dana by amara channel=phone
show dana
# She books a meeting for Thursday: the account executive starts from what the SDR learned.
wait 1h
complete dana by amara outcome=meeting_booked
meeting.booked dana country=GB meeting_in=3d owner_email=amara@northwind.example pain_points=Reports_take_a_week
show dana2
wait 1h
accept dana2 by elena
show dana2
wait 3d
complete dana2 by elena outcome=opportunity_created
show dana2
