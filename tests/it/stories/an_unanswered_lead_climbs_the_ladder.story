at 2026-01-05T14:00:00Z
# Nobody answers a demo request from New York: a reminder, the manager, another rep, the director.
demo.requested eli country=US intent_signal=Requested_a_demo
wait 4m
wait 1m
wait 10m
show eli
# The first owner comes too late: it is somebody else's now.
accept eli by carla
accept eli by dev
wait 20m
touch eli by dev channel=phone
show eli
wait 2h
