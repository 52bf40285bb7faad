at 2026-01-05T10:00:00Z
# Three of five minutes are left when they ask to wait; they are left when it goes on by itself.
demo.requested ola country=GB intent_signal=Asked_for_a_demo
pause ola by amara reason=lunch
wait 2m
pause ola by ben reason=asked_to_wait
pause ola by amara reason=asked_to_wait until=2026-01-05T11:30:00Z
show ola
wait 1h
show ola
until 2026-01-05T11:32:30Z
show ola
resume ola by amara
pause ola by amara reason=asked_to_wait
wait 10m
resume ola by amara
show ola
wait 3m
touch ola by amara channel=phone
show ola
