at 2026-01-06T10:00:00Z
lead.scored dan country=GB previous_score=10 score=71
wait 5m
reject dan by ben reason=missing_information
reject dan by amara reason=because
reject dan by amara reason=missing_information note=No_phone_number
show dan
resubmit dan by priya
show dan
