at 2026-01-06T10:00:00Z
# 64 is not enough; 65 is; 80 is no second crossing; back below and up again is told to the open handoff.
lead.scored ann country=GB score=64
lead.scored ann country=GB score=65 fit=Good engagement=Webinar
lead.scored ann country=GB score=80
show ann
# A late word of an older score changes nothing.
lead.scored ann country=GB score=40 ago=2h
lead.scored ann country=GB score=66 ago=1h
show ann
