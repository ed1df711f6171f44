"""The words of letters and calendars, in three languages side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

from notices.due import Phase


@dataclass(frozen=True)
class Words:
    """One language: of each phase a subject and paragraphs, with `%(day)s`, `%(begin)s`, `%(end)s`, `%(zone)s`, `%(energy)s`, `%(money)s`.

    `day` and `day_of_year` are patterns of dates (Unicode TR 35); `resumed` is put around the subject of what goes on again; the rest are the words of links and of calendars.
    """

    day: str
    day_of_year: str
    phases: Mapping[Phase, tuple[str, tuple[str, ...]]]
    resumed: str
    events: str
    statement: str
    end: str
    stop: str
    calendar: str
    summaries: Mapping[Phase, str]


_EN = Words(
    day="EEEE d MMMM y",
    day_of_year="EEEE d MMMM",
    phases={
        Phase.PLANNED: (
            "Flexibility event on %(day)s, %(begin)s to %(end)s",
            (
                "On %(day)s from %(begin)s to %(end)s (local time, %(zone)s) your home takes part in an event of your cooperative: the grid needs less power then.",
                "Your devices are steered by themselves, and your comfort limits are kept. You need not do anything.",
                "If it does not suit you, you can opt out on your page at any time, also while it runs.",
            ),
        ),
        Phase.STANDBY: (
            "Your home stands by on %(day)s, %(begin)s to %(end)s",
            (
                "On %(day)s from %(begin)s to %(end)s (local time, %(zone)s) your home stands by for an event of your cooperative. It is called only if another home drops out; you are told when it is.",
                "If it does not suit you, you can opt out on your page at any time.",
            ),
        ),
        Phase.CALLED: (
            "Your home is called: %(day)s, %(begin)s to %(end)s",
            (
                "Another home has dropped out. Your home takes its place on %(day)s from %(begin)s, until %(end)s at the latest (local time, %(zone)s).",
                "Your devices are steered by themselves, and your comfort limits are kept. You can opt out on your page at any time.",
            ),
        ),
        Phase.PAUSED: (
            "Event paused: %(day)s, %(begin)s to %(end)s",
            (
                "The event on %(day)s from %(begin)s to %(end)s (local time, %(zone)s) is paused by your cooperative. Your devices work as usual; you are told if it goes on.",
            ),
        ),
        Phase.CANCELLED: (
            "Event cancelled: %(day)s, %(begin)s to %(end)s",
            (
                "The event on %(day)s from %(begin)s to %(end)s (local time, %(zone)s) was cancelled by your cooperative. Your devices work as usual.",
            ),
        ),
        Phase.SETTLED: (
            "You earned %(money)s in the event on %(day)s",
            (
                "The event on %(day)s from %(begin)s to %(end)s (local time, %(zone)s) is settled.",
                "Your home delivered %(energy)s kWh and earned %(money)s.",
            ),
        ),
    },
    resumed="It goes on: %s",
    events="Your events, where you can opt out:",
    statement="How your payment was computed, step by step:",
    end="End letters of this kind, without signing in:",
    stop="Choose which letters you get, or none:",
    calendar="Events of your home",
    summaries={
        Phase.PLANNED: "Flexibility event",
        Phase.STANDBY: "Standing by for a flexibility event",
        Phase.CALLED: "Flexibility event (called)",
        Phase.PAUSED: "Flexibility event (paused)",
        Phase.CANCELLED: "Flexibility event (cancelled)",
        Phase.LEFT: "Flexibility event (opted out)",
        Phase.OVER: "Stood by, not called",
    },
)
_ES = Words(
    day="EEEE d 'de' MMMM 'de' y",
    day_of_year="EEEE d 'de' MMMM",
    phases={
        Phase.PLANNED: (
            "Evento de flexibilidad el %(day)s, de %(begin)s a %(end)s",
            (
                "El %(day)s de %(begin)s a %(end)s (hora local, %(zone)s) su vivienda participa en un evento de su cooperativa: la red necesita menos potencia en ese momento.",
                "Sus dispositivos se controlan solos y se respetan sus límites de confort. No tiene que hacer nada.",
                "Si no le conviene, puede renunciar en su página en cualquier momento, también durante el evento.",
            ),
        ),
        Phase.STANDBY: (
            "Su vivienda queda en reserva el %(day)s, de %(begin)s a %(end)s",
            (
                "El %(day)s de %(begin)s a %(end)s (hora local, %(zone)s) su vivienda queda en reserva para un evento de su cooperativa. Solo se la llama si otra vivienda se retira; si ocurre, se le avisa.",
                "Si no le conviene, puede renunciar en su página en cualquier momento.",
            ),
        ),
        Phase.CALLED: (
            "Su vivienda ha sido llamada: %(day)s, de %(begin)s a %(end)s",
            (
                "Otra vivienda se ha retirado. La suya ocupa su lugar el %(day)s desde %(begin)s, como máximo hasta %(end)s (hora local, %(zone)s).",
                "Sus dispositivos se controlan solos y se respetan sus límites de confort. Puede renunciar en su página en cualquier momento.",
            ),
        ),
        Phase.PAUSED: (
            "Evento en pausa: %(day)s, de %(begin)s a %(end)s",
            (
                "Su cooperativa ha puesto en pausa el evento del %(day)s de %(begin)s a %(end)s (hora local, %(zone)s). Sus dispositivos funcionan como siempre; si el evento continúa, se le avisa.",
            ),
        ),
        Phase.CANCELLED: (
            "Evento cancelado: %(day)s, de %(begin)s a %(end)s",
            (
                "Su cooperativa ha cancelado el evento del %(day)s de %(begin)s a %(end)s (hora local, %(zone)s). Sus dispositivos funcionan como siempre.",
            ),
        ),
        Phase.SETTLED: (
            "Ha ganado %(money)s en el evento del %(day)s",
            (
                "El evento del %(day)s de %(begin)s a %(end)s (hora local, %(zone)s) está liquidado.",
                "Su vivienda entregó %(energy)s kWh y ganó %(money)s.",
            ),
        ),
    },
    resumed="Continúa: %s",
    events="Sus eventos, donde puede renunciar:",
    statement="Cómo se calculó su pago, paso a paso:",
    end="No recibir más avisos de este tipo, sin iniciar sesión:",
    stop="Elija qué avisos recibe, o ninguno:",
    calendar="Eventos de su vivienda",
    summaries={
        Phase.PLANNED: "Evento de flexibilidad",
        Phase.STANDBY: "En reserva para un evento de flexibilidad",
        Phase.CALLED: "Evento de flexibilidad (llamada)",
        Phase.PAUSED: "Evento de flexibilidad (en pausa)",
        Phase.CANCELLED: "Evento de flexibilidad (cancelado)",
        Phase.LEFT: "Evento de flexibilidad (renuncia)",
        Phase.OVER: "En reserva, sin llamada",
    },
)
_NL = Words(
    day="EEEE d MMMM y",
    day_of_year="EEEE d MMMM",
    phases={
        Phase.PLANNED: (
            "Flexibiliteitsgebeurtenis op %(day)s, %(begin)s tot %(end)s",
            (
                "Op %(day)s van %(begin)s tot %(end)s (plaatselijke tijd, %(zone)s) doet uw woning mee aan een gebeurtenis van uw coöperatie: het net heeft dan minder vermogen nodig.",
                "Uw apparaten worden vanzelf gestuurd en uw comfortgrenzen blijven gelden. U hoeft niets te doen.",
                "Komt het niet uit, dan kunt u zich op uw pagina op elk moment afmelden, ook terwijl het loopt.",
            ),
        ),
        Phase.STANDBY: (
            "Uw woning staat klaar op %(day)s, %(begin)s tot %(end)s",
            (
                "Op %(day)s van %(begin)s tot %(end)s (plaatselijke tijd, %(zone)s) staat uw woning klaar voor een gebeurtenis van uw coöperatie. Ze wordt alleen opgeroepen als een andere woning uitvalt; u hoort het dan.",
                "Komt het niet uit, dan kunt u zich op uw pagina op elk moment afmelden.",
            ),
        ),
        Phase.CALLED: (
            "Uw woning is opgeroepen: %(day)s, %(begin)s tot %(end)s",
            (
                "Een andere woning is uitgevallen. Uw woning neemt haar plaats in op %(day)s vanaf %(begin)s, uiterlijk tot %(end)s (plaatselijke tijd, %(zone)s).",
                "Uw apparaten worden vanzelf gestuurd en uw comfortgrenzen blijven gelden. U kunt zich op uw pagina op elk moment afmelden.",
            ),
        ),
        Phase.PAUSED: (
            "Gebeurtenis gepauzeerd: %(day)s, %(begin)s tot %(end)s",
            (
                "Uw coöperatie heeft de gebeurtenis op %(day)s van %(begin)s tot %(end)s (plaatselijke tijd, %(zone)s) gepauzeerd. Uw apparaten werken gewoon; u hoort het als ze verdergaat.",
            ),
        ),
        Phase.CANCELLED: (
            "Gebeurtenis geannuleerd: %(day)s, %(begin)s tot %(end)s",
            (
                "Uw coöperatie heeft de gebeurtenis op %(day)s van %(begin)s tot %(end)s (plaatselijke tijd, %(zone)s) geannuleerd. Uw apparaten werken gewoon.",
            ),
        ),
        Phase.SETTLED: (
            "U verdiende %(money)s met de gebeurtenis op %(day)s",
            (
                "De gebeurtenis op %(day)s van %(begin)s tot %(end)s (plaatselijke tijd, %(zone)s) is afgerekend.",
                "Uw woning leverde %(energy)s kWh en verdiende %(money)s.",
            ),
        ),
    },
    resumed="Gaat verder: %s",
    events="Uw gebeurtenissen, waar u zich kunt afmelden:",
    statement="Hoe uw betaling is berekend, stap voor stap:",
    end="Geen berichten van deze soort meer, zonder aanmelden:",
    stop="Kies welke berichten u krijgt, of geen:",
    calendar="Gebeurtenissen van uw woning",
    summaries={
        Phase.PLANNED: "Flexibiliteitsgebeurtenis",
        Phase.STANDBY: "Stand-by voor een flexibiliteitsgebeurtenis",
        Phase.CALLED: "Flexibiliteitsgebeurtenis (opgeroepen)",
        Phase.PAUSED: "Flexibiliteitsgebeurtenis (gepauzeerd)",
        Phase.CANCELLED: "Flexibiliteitsgebeurtenis (geannuleerd)",
        Phase.LEFT: "Flexibiliteitsgebeurtenis (afgemeld)",
        Phase.OVER: "Stond klaar, niet opgeroepen",
    },
)
TEXTS: Mapping[str, Words] = {"en": _EN, "es": _ES, "nl": _NL}
