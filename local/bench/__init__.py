"""`./hub bench`: how fast the running hub is beside the least that could do its job.

In one run, on one machine, in turn:
    raw     the least: per event one HTTP in, one enqueue, one receive (32 at a time) and delete, one table upsert, one HTTP out (raw.py)
    single  the hub, one reading a payload, 64 in flight end to end
    batch   the hub, 100 readings a payload, one journal call a reading
    alone   the hub, one reading at a time on a quiet system
    lookup  the hub between a caller and the sandbox journal: what it adds to the journal's own time (lookups.py)
Both sides get the same driver, the same sink and the same kind of emulator with the same access log, and take turns; a ratio is
always within one run. Storage calls are counted in the emulator's access log: at the wire, whatever the app believes it does.
"""
