at 2026-01-06T10:00:00Z
contract.signed kim deal=D-77 country=DE contract=Signed technical_requirements=SSO success_criteria=Go_live_in_March
show kim
# The CRM says the same of the same deal, from another contact.
contract.signed lea deal=D-77 country=DE
wait 47h
accept kim by jonas
touch kim by jonas channel=email
show kim
