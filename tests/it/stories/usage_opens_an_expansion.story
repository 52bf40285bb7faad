at 2026-01-06T10:00:00Z
usage.threshold nia country=US product_usage=92_percent health_score=81 contacts=Nia
show nia
territory.changed nia country=US deal=D-12 opportunity=Renewal relationship_notes=Champion_left
show nia2
wait 1d
accept nia by farid
touch nia by farid channel=email
