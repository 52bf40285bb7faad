at 2026-01-05T10:00:00Z
# The size of the deal chooses the deadline, also when it becomes known later; the seller stays thirty days.
territory.changed quin deal=d1 country=DE opportunity=Renewal relationship_notes=Good
show quin
outcome quin outcome=retained deal=d1
contract.signed quin deal=d1 country=DE owner_email=elena@northwind.example
show quin2
wait 1h
contract.signed quin deal=d1 country=DE amount=20000000
show quin2
accept quin2 by jonas
touch quin2 by jonas channel=email
# Either of them ends it sooner.
end_overlap quin2 by amara
end_overlap quin2 by elena
show quin2
outcome quin outcome=activated deal=d1
show quin2
