at 2026-01-06T10:00:00Z
absent amara 2h
absent ben 2h
demo.requested max country=GB intent_signal=Requested_a_demo
show max
wait 2h
wait 6m
show max
touch max by amara channel=phone
