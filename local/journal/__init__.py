"""A sandbox EPJ: takes what the hub pushes, shows it as a nurse would read it, and can be told to fail, stall and lie.

    python -m local.journal [--port P]        or, in a test:

    journal = SandboxJournal()
    await journal.start()                     # journal.url is http://127.0.0.1:<free port>
    ...
    await journal.stop()

It plays an outsider: of the hub it has the national code tables and how documents are told in bokmål (`shared/fhir/told`), nothing else.
Whom it knows, with their services, plans, medicines and allergies, stands in population.py.
In a test it can ask for an access token (guard.py), https and a client certificate (start).
Everything is in memory and gone when it stops. All people in it are invented, so its JSON may show them.

    POST   /{endpoint}/{resource}             a document: bundle, medicationdispense, composition, encounter, communication
    POST   /{endpoint}/note                   a note in JSON (docs/notes.md); GET /{endpoint}/note/{key} asks whether it stands here
    POST   /{endpoint}/webhook                a document in a webhook, as a response centre gets it (webhook.py)
    POST   /{endpoint}/v1/{Type}              a document for Journalføringstjenesten; GET {Type}/{n}/$status says what became of it (jft.py)
    POST   /{endpoint}/fhir/{Type}/_search    a look-up, FHIR R4 search by form (search.py); GET follows its next links
    POST   /{endpoint}/fhir-store             a FHIR transaction or batch (transactions.py); GET of Type/id and Type?identifier= below it
    GET    /{endpoint}/fhir/metadata          what can be searched; below fhir-store and v1: what can be done there
    GET    /                                  the journals and their patients
    GET    /{endpoint}/                       notes, newest first (?side=2 for older ones)
    GET    /{endpoint}/patients/{n}           the notes of one patient
    GET    /{endpoint}/notes/{n}              one note with everything
    GET    /_sandbox/{endpoint}/notes         the same for scripts (?after=N: only those with a higher number)
    GET    /_sandbox/{endpoint}/arrivals      every effect in order: number, key, patient
    GET    /_sandbox/{endpoint}/asked         every look-up in order: type, names of its parameters, time
    DELETE /_sandbox/{endpoint}               forget notes and counts of an endpoint ("*": of all)
    GET    /_sandbox/stats                    counts per endpoint
    PUT    /_sandbox/{endpoint}/behaviour     misbehave ("*": every endpoint); GET shows it, DELETE ends it; see behaviour.py, lies.py,
                                              resources.py
"""

from local.journal.server import SandboxJournal

__all__ = ["SandboxJournal"]
