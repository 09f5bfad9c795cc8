"""A kit for journal vendors: holds an endpoint to docs/journals.md from outside, check by check, and says what to mend.

    ./hub kit journal URL [--basic USER | --header NAME] [--secret VARIABLE] [--lookups URL] [--patient NUMBER ...]
    ./hub kit journal --sandbox [--fault MODE]

It calls as the hub does (the requests, and the verdicts on answers, are those of adapters/epj/bundle and fhir), and sends documents that
the hub would build, about invented people, with titles that say where they come from. What is stored cannot be seen from outside: what to
look for in the journal is listed. In the sandbox journal the kit looks itself.
"""
