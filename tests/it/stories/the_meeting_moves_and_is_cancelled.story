at 2026-01-06T10:00:00Z
meeting.booked gus country=GB meeting_in=3d
show gus
meeting.moved gus meeting_in=5d
show gus
meeting.cancelled gus
show gus
# A meeting sooner than the lead time is due at once.
meeting.booked hal country=GB meeting_in=5h
wait 61s
show hal
