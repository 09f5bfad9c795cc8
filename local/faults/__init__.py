"""`./hub faults`: does 202 hold? The real code, real storage (Azurite) and the sandbox journal, under faults that are drawn by a seed.

What counts is what those outside know: the senders, what was answered 202 and when (sender.py), and the journal's own account of what
stands in it, for whom and in which order (judge.py). The hub is asked one thing only: which receipts have no end. Where nothing fails the
journal counts calls too: it would not store a copy. A fault that never struck proves nothing, and is told as not reached.

    crash      the process ends itself at a named step (points.py), again and again, and others go on (crash.py, life.py), also while a
               journal fetches or forgets to, says later what became of documents, a response centre answers, an operator acts (hands.py)
    kill       the same with the whole host and SIGKILL (kill.py)
    outage     a journal down for hours, on a clock that is moved (outage.py)
    journals   journals that are slow, drip, hang, cut, lie: `docs/journals.md` 2.5 (journals.py, doors.py)
    storage    storage that answers 503, 409, late, in part (storage.py, proxy.py)
    queues, copies, instances, skew, dst, rotation     messages many times and shuffled; one payload a thousand times; two instances;
               clocks that differ; nights with two or no half past two; a key changed under load (together.py, rotation.py)
    latency    one endpoint that stalls, and an alarm behind a heap of routine messages (latency.py)

`--quick` plays those that measure alone and the others side by side (beside.py), and says what each took.
"""
