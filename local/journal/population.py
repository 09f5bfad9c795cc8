"""Whom the sandbox journals know. All of them are invented: Tenor's kind of numbers (month + 80), phones and addresses of nobody.

Days count from the day of the question: -30 is thirty days ago, so that a visit is always due and a service has always just ended.
"""

from dataclasses import dataclass, replace

FNR, DNR = "urn:oid:2.16.578.1.12.4.1.4.1", "urn:oid:2.16.578.1.12.4.1.4.2"
COSDOC = "http://cosdoc.dips.no/lopenummer"  # a journal's own number (vkp.md 5.1)
ICPC2, ICD10 = "urn:oid:2.16.578.1.12.4.1.1.7170", "urn:oid:2.16.578.1.12.4.1.1.7110"


@dataclass(frozen=True, slots=True)
class Service:
    """`code`: the journal's own code. `status`: FHIR's. `start`, `end`: days; None = no end."""

    code: str
    name: str
    status: str = "active"
    start: int = -120
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """Every day at `hour`, for `minutes`."""

    hour: int
    minutes: int
    words: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One branch of an action plan (tiltaksplan)."""

    title: str
    words: str
    goal: str
    measure: str
    evaluation: str


@dataclass(frozen=True, slots=True)
class Home:
    """`protected`: sperret adresse, which nobody outside the journal may be shown."""

    line: str
    hint: str = ""
    zone: str = "Eksempel|Øst|Sone 2|Lia"
    household: str = ""
    elock: str = ""
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Citizen:
    """`number` is the person's place in the journal: it stands in addresses, where an identity number must not.

    `next_of_kin`: given name, family name, relation. `diagnoses`: system, code, words. `medicines`: ATC code, words, dosage.
    `allergies`: ATC code, words, reaction.
    """

    number: int
    value: str
    given: str
    family: str
    gender: str
    born: str
    home: Home
    system: str = FNR
    next_of_kin: tuple[str, str, str] | None = None
    services: tuple[Service, ...] = ()
    visits: tuple[Visit, ...] = ()
    problems: tuple[Problem, ...] = ()
    diagnoses: tuple[tuple[str, str, str], ...] = ()
    medicines: tuple[tuple[str, str, str], ...] = ()
    allergies: tuple[tuple[str, str, str], ...] = ()


MEDICINE_AT_HOME = Service("2.2.3", "Medisinering i hjemmet")
SAFETY_ALARM = Service("6", "Trygghetsalarm", start=-700)
GPS = Service("26", "GPS-lokalisering", start=-45)
DISPENSER = Service("27", "Elektronisk medisineringsstøtte", start=-60)
SUPERVISION = Service("28", "Digitalt tilsyn", start=-30)
HOME_FOLLOW_UP = Service("DHO.1", "Digital hjemmeoppfølging", start=-200)

MORNING, NOON, EVENING = Visit(9, 20, "Morgenstell"), Visit(12, 30, "Middag"), Visit(21, 15, "Kveldstilsyn")
FALLS = Problem("Falltendens", "Ustø om natten.", "Trygg gange.", "Sensor i seng.", "Evalueres om 3 måneder.")
FORGETS = Problem("Glemmer medisin", "Tar ikke morgendosen.", "Riktig medisin til rett tid.", "Medisindispenser.", "Evalueres hver måned.")
WANDERS = Problem("Finner ikke hjem", "Går tur alene hver dag.", "Kan fortsette å gå tur.", "GPS på tur.", "Evalueres om 6 uker.")
BREATHES = Problem("Tung pust", "Kols.", "Oppdager forverring tidlig.", "Måler hver morgen.", "Fastlegen hvert halvår.")

EKSEMPEL = (
    Citizen(
        1,
        "14834812097",
        "Stille",
        "Fjellbekk",
        "female",
        "1948-03-14",
        Home("Liveien 3", "Oppgang B, 2. etg.", household="Bor alene. Hund.", elock="E-lås type Y"),
        next_of_kin=("Rund", "Fjellbekk", "datter"),
        services=(MEDICINE_AT_HOME, SAFETY_ALARM, DISPENSER, HOME_FOLLOW_UP),
        visits=(MORNING, EVENING),
        problems=(FALLS, FORGETS),
        diagnoses=((ICPC2, "K86", "Hypertensjon ukomplisert"), (ICD10, "I10", "Essensiell (primær) hypertensjon")),
        medicines=(("C07AB02", "metoprolol 50 mg", "1 tablett morgen"), ("B01AC06", "acetylsalisylsyre 75 mg", "1 tablett morgen")),
        allergies=(("J01CE02", "fenoksymetylpenicillin", "Utslett"),),
    ),
    Citizen(
        2,
        "01815050130",
        "Rund",
        "Myrstein",
        "male",
        "1950-01-01",
        Home("Myrveien 12", household="Bor med ektefelle.", elock="E-lås type Z"),
        next_of_kin=("Glad", "Myrstein", "ektefelle"),
        services=(GPS, SUPERVISION),
        visits=(NOON,),
        problems=(WANDERS,),
        diagnoses=((ICPC2, "P70", "Demens"),),
        medicines=(("N06DA02", "donepezil 10 mg", "1 tablett kveld"),),
    ),
    Citizen(
        3,
        "29826050002",
        "Blid",
        "Skogstjern",
        "female",
        "1960-02-29",
        Home("Tjernstien 8", "Bakdøra", zone="Eksempel|Vest|Sone 1|Tjernet"),
        services=(HOME_FOLLOW_UP, replace(SAFETY_ALARM, status="finished", end=-20)),
        problems=(BREATHES,),
        diagnoses=((ICPC2, "R95", "Kronisk obstruktiv lungesykdom"),),
        medicines=(("R03AC02", "salbutamol 0,1 mg/dose", "2 inhalasjoner ved behov"),),
        allergies=(("M01AE01", "ibuprofen", "Tung pust"),),
    ),
    Citizen(  # a planned service, and one that ended though its status was never changed: none that counts
        4,
        "23915112005",
        "Munter",
        "Elvebakk",
        "male",
        "1951-11-23",
        Home("Elvegata 1"),
        services=(replace(GPS, status="planned", start=14), replace(SAFETY_ALARM, end=-30)),
    ),
    Citizen(5, "59896230071", "Rolig", "Svaberg", "male", "1962-09-19", Home("Brygga 4"), system=DNR),
)
PROVEVIK = (
    Citizen(
        11,
        "31929950081",
        "Lun",
        "Havbris",
        "female",
        "1999-12-31",
        Home("Havnegata 2", zone="Prøvevik|Sentrum|Sone 1|Havna", elock="E-lås type Y"),
        services=(SAFETY_ALARM, SUPERVISION),
        visits=(EVENING,),
        problems=(FALLS,),
        diagnoses=((ICPC2, "L95", "Osteoporose"),),
    ),
    Citizen(
        12,
        "15861050014",
        "Spak",
        "Lyngmo",
        "male",
        "2010-06-15",
        Home("Lyngveien 30", zone="Prøvevik|Nord|Sone 3|Lynghei", household="Bor med foreldre."),
        next_of_kin=("Varm", "Lyngmo", "mor"),
        services=(HOME_FOLLOW_UP, GPS),
        diagnoses=((ICPC2, "T89", "Diabetes type 1"),),
        medicines=(("A10AB05", "insulin aspart", "Etter måling"),),
    ),
    Citizen(
        13,
        "28820050004",
        "Klar",
        "Nattugle",
        "female",
        "2000-02-28",
        Home("Nattjordet 7", zone="Prøvevik|Nord|Sone 3|Nattjordet"),
        services=(MEDICINE_AT_HOME, DISPENSER, replace(HOME_FOLLOW_UP, status="finished", end=-5)),
        visits=(MORNING, NOON, EVENING),
        problems=(FORGETS,),
        allergies=(("J01CE02", "fenoksymetylpenicillin", "Utslett"),),
    ),
)
EVERYWHERE = (  # whom each journal knows: one with a protected address, and one by the journal's own number only
    Citizen(
        21,
        "12853910005",
        "Varsom",
        "Bjørkelund",
        "female",
        "1939-05-12",
        Home("Skjulveien 99", "Grønn dør", household="Bor alene.", elock="E-lås type Y", protected=True),
        services=(SAFETY_ALARM, MEDICINE_AT_HOME),
        visits=(MORNING,),
        problems=(FALLS,),
    ),
    Citizen(
        22,
        "1302",
        "Modig",
        "Tindevann",
        "male",
        "1944-02-07",
        Home("Tindestien 5"),
        system=COSDOC,
        services=(SAFETY_ALARM, GPS),
        visits=(NOON,),
        diagnoses=((ICPC2, "N87", "Parkinsonisme"),),
    ),
)
STRANGER = Citizen(  # whom no journal knows and no one asks for: a lying journal answers about him
    99,
    "30814721007",
    "Fjern",
    "Ukjentsen",
    "male",
    "1947-01-30",
    Home("Annet sted 1", elock="E-lås type Y"),
    services=(MEDICINE_AT_HOME, SAFETY_ALARM, GPS, DISPENSER, SUPERVISION, HOME_FOLLOW_UP),
    visits=(MORNING,),
    problems=(FALLS,),
    diagnoses=((ICPC2, "K86", "Hypertensjon ukomplisert"),),
    medicines=(("C07AB02", "metoprolol 50 mg", "1 tablett morgen"),),
    allergies=(("J01CE02", "fenoksymetylpenicillin", "Utslett"),),
)


def of(endpoint: str) -> tuple[Citizen, ...]:
    """The people of the two demo municipalities; every other journal knows them all."""
    return {"gerica": EKSEMPEL, "provevik-cosdoc": PROVEVIK}.get(endpoint, EKSEMPEL + PROVEVIK) + EVERYWHERE
