at 2026-01-05T10:00:00Z
# Accepting begins the sequence: an email, a call within four hours, an email a day later.
lead.scored pia score=72 previous_score=60 country=GB engagement=Pricing_guide
accept pia by amara
show pia
wait 30m
touch pia by amara channel=email
wait 4h
show pia
touch pia by amara channel=call
# They answer, so the second email need not be written.
reply pia
show pia
wait 2d
