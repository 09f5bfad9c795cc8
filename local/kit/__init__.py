"""A kit for journal vendors: holds an endpoint to docs/journals.md from outside, check by check, and says what to mend.

    ./hub kit journal URL [--way WAY] [--basic USER | --header NAME] [--secret VARIABLE] [--lookups URL] [--patient NUMBER ...]
    ./hub kit journal --file FILE [--endpoint NAME] [--patient NUMBER ...]
    ./hub kit journal --sandbox [--way WAY] [--fault MODE]

It calls as the hub does (requests, and verdicts on answers, are those of adapters/epj; what it shows a journal, that of shared/door), and
sends documents that the hub would build, about invented people, with titles that say where they come from. What is stored cannot be seen
from outside: what to look for in the journal is listed. In the sandbox journal the kit looks itself.
"""
