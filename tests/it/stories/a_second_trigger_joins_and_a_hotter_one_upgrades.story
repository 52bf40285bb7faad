at 2026-01-06T10:00:00Z
lead.scored bea country=DE previous_score=20 score=70 fit=Good engagement=Whitepaper
show bea
# A second score trigger joins; a demo request upgrades, and its five minutes count from the request.
lead.qualified bea country=DE
wait 10m
demo.requested bea country=DE intent_signal=Requested_a_demo
show bea
wait 2m
touch bea by ben channel=phone
show bea
