at 2026-01-06T10:00:00Z
# Two lead records open two handoffs; an event that names both merges them.
demo.requested ida country=GB intent_signal=Requested_a_demo
demo.requested jon country=GB intent_signal=Requested_a_demo
updated ida contact=jon
touch ida by amara channel=phone
touch jon by ben channel=phone
show ida
show jon
