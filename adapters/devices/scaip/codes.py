"""What the numbers of SCAIP say, in the words of a nurse. A number that is not here still raises its alarm."""

from collections.abc import Mapping

from adapters.devices.scaip.mrq import Request

TYPES: Mapping[str, str] = {
    "0002": "Lokal enhet og sentral",  # local unit and controller
    "0003": "Bærbar utløser",  # personal trigger
    "0004": "Fast utløser",  # fixed trigger
    "0005": "Fallsensor",  # fall detector
    "0006": "Overfallsalarm",  # personal attack trigger
    "0007": "Panikknapp",  # panic button
    "0010": "Aktivitetssensor",  # activity detector
    "0011": "Medisindispenser",  # pill dispenser
    "0012": "Sengesensor",  # bed monitor
    "0013": "Mattesensor",  # mat sensor
    "0014": "Dørsensor",  # door sensor
    "0015": "Vandringssensor",  # wandering sensor
    "0016": "Enuresesensor",  # enuresis detector
    "0017": "Epilepsisensor",  # epilepsy detector
    "0018": "Tilstedeværelsessensor",  # occupancy detector
    "0019": "Pulsmåler",  # heart rate monitor
    "0020": "Miljøsensor",  # environmental monitor
    "0021": "Gassvarsler",  # gas detector
    "0023": "Røykvarsler",  # smoke detector
    "0025": "Varmedetektor",  # heat detector
    "0026": "Kullosvarsler",  # carbon monoxide detector
    "0028": "Innbruddssensor",  # intruder detector
    "0033": "Vannsensor",  # flood detector
    "0034": "Badesensor",  # bath sensor
    "0035": "Nøkkelbrikke",  # latch key
    "0038": "Sabotasjebryter",  # tamper
    "0041": "Strømforsyning",  # power supply
    "0043": "Adgangskontroll",  # access controller
    "0044": "Stolsensor",  # chair monitor
    "0045": "Sentral",  # controller
    "0047": "Brannalarmanlegg",  # fire alarm system
    "0048": "Lokal enhet",  # local unit
    "0049": "Overvåkingsenhet",  # monitoring device
    "0050": "Radioenhet",  # radio unit
    "0051": "Sporingsenhet",  # tracking device
}

STATUSES: Mapping[str, str] = {
    "0000": "ukjent status",  # unknown
    "0001": "udefinert status",  # undefined
    "0003": "ikke til stede",  # absent
    "0005": "kvittert",  # acknowledge
    "0006": "utløst",  # activated
    "0009": "automatisk alarm",  # automatic alarm
    "0010": "manuell alarm",  # manual alarm
    "0014": "batterisvikt",  # battery failure
    "0015": "batteri i orden",  # battery ok
    "0016": "lavt batteri",  # battery low
    "0019": "avbrutt",  # cancel
    "0021": "lukket",  # closed
    "0022": "lukket for lenge",  # closed too long
    "0023": "IP-forbindelse brutt",  # IP connection failure
    "0024": "mobilforbindelse brutt",  # mobile network connection failure
    "0042": "feil",  # failure
    "0046": "høyt nivå",  # high level
    "0050": "inaktiv",  # inactive
    "0064": "lavt nivå",  # low level
    "0065": "trenger vedlikehold",  # maintenance needed
    "0066": "trenger vedlikehold straks",  # urgent maintenance needed
    "0070": "normal tilstand",  # normal state
    "0071": "i bruk",  # occupied
    "0073": "frakoblet",  # offline
    "0075": "tilkoblet",  # online
    "0076": "åpen",  # open
    "0077": "åpen for lenge",  # open too long
    "0081": "medisin ikke tatt",  # pill not taken
    "0082": "påminnelse om medisin",  # pill reminder
    "0083": "medisin tatt",  # pill taken
    "0085": "strømbrudd",  # power failure
    "0086": "strøm tilbake",  # power restored
    "0088": "til stede etter alarm",  # presence after alarm
    "0092": "automatisk tilbakestilt",  # automatic reset
    "0093": "manuelt tilbakestilt",  # manual reset
    "0100": "høy temperatur",  # temperature high
    "0101": "lav temperatur",  # temperature low
    "0104": "tiden er ute",  # time-out
    "0107": "uautorisert adgang",  # unauthorized access
    "0110": "trenger assistanse",  # assistance
    "0111": "tiltak utført",  # intervention complete
    "0112": "IP-forbindelse tilbake",  # IP connection reestablished
    "0113": "mobilforbindelse tilbake",  # mobile network connection reestablished
    "0117": "ligger i sengen",  # lying in bed
    "0118": "låst",  # locked
    "0119": "bevegelse",  # movement
    "0120": "opphold",  # occupancy
    "0121": "til stede",  # present
    "0122": "radioforstyrrelse",  # radio interference
    "0125": "sabotasje",  # tamper alarm
    "0127": "låst opp",  # unlocked
}

PLACES: Mapping[str, str] = {
    "000": "",  # unknown
    "001": "",  # undefined
    "002": "hjemme",  # home
    "003": "borte",  # away
    "004": "innendørs",  # indoors
    "005": "utendørs",  # outdoors
    "011": "bad",  # bath room
    "012": "soverom",  # bed room
    "013": "spisestue",  # dining room
    "019": "utenfor avtalt område",  # geofence
    "021": "kjøkken",  # kitchen
    "025": "trapp",  # stairs
    "034": "",  # geo position attached
    "035": "",  # GPS position attached
    "038": "dør",  # door
    "039": "inngangsdør",  # front door
    "042": "gang",  # hallway
    "043": "stue",  # living room
    "049": "rom",  # room
    "051": "avdeling",  # ward
}


def words(request: Request) -> str:
    """The request as a nurse reads it, numbers included: they are the same in every supplier's manual."""
    device, status = request.text("dty"), request.status
    told = [f"{TYPES.get(device, 'Ukjent utstyr')} ({device}): {STATUSES.get(status, 'ukjent status')} ({status})."]
    told += [f"{request.text(tag)}." for tag in ("stt", "dte", "ite") if request.text(tag)]
    told += [f"{word} {request.text(tag)}." for word, tag in (("Enhet", "did"), ("Del", "dco")) if request.text(tag)]
    if request.text("ame") == "1":
        told.append("Tilleggsmelding følger.")
    return " ".join(told)


def place(request: Request) -> str:
    code = request.text("lco")
    room = PLACES.get(code, f"kode {code}" if code else "")
    return ", ".join(part for part in (f"{room} {request.text('lva')}".strip(), request.text("lte")) if part)
