"""What a journal that fetches may ask (vkp.md 1.12). The shelf's doors and the OpenAPI document read this."""

TAG = "https://knutepunkt.example/journaling-status|journaling-acknowledged"  # the tag of documents that were acknowledged: system|code
USUAL, MOST = 20, 100  # documents in one answer
ASCENDING, DESCENDING = "_lastUpdated", "-_lastUpdated"
PARAMETERS = ("_lastUpdated", "_tag", "_tag:not", "_count", "_sort", "cursor")
