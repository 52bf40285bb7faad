at 2026-01-10T18:00:00Z
# Four working hours from a Saturday evening end on Monday at one.
lead.scored cid country=GB previous_score=10 score=90 fit=Good engagement=Trial
show cid
until 2026-01-12T12:11:00Z
until 2026-01-12T12:12:30Z
touch cid by amara channel=email
show cid
