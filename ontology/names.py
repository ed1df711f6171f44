# ruff: noqa: N815 - names are spelt as their vocabularies spell them
"""Every IRI that the code names, one closed class a vocabulary: a typo raises `AttributeError`.

Generated from the Turtle by `python -m ontology.generate`; a test holds the two together.
"""

from typing import ClassVar

from rdflib import OWL, RDF, RDFS, SH, TIME, XSD, Namespace, URIRef
from rdflib.namespace import DefinedNamespace

__all__ = [
    "DCAM",
    "DCAT",
    "DCTERMS",
    "DPV",
    "FC",
    "FCSH",
    "FCV",
    "FOAF",
    "FORMATS",
    "ODRL",
    "ORG",
    "OWL",
    "PROV",
    "QUDT",
    "RDF",
    "RDFS",
    "S4BLDG",
    "S4ENER",
    "S4SYST",
    "SAREF",
    "SD",
    "SEAS",
    "SH",
    "SKOS",
    "SLOT",
    "SOSA",
    "TIME",
    "UNIT",
    "WGS84",
    "XSD",
]

SLOT = Namespace("https://w3id.org/flexcoop/slot/")
FCSH = Namespace("https://w3id.org/flexcoop/shapes#")


class FC(DefinedNamespace):
    """Terms of https://w3id.org/flexcoop/ns# that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("https://w3id.org/flexcoop/ns#")
    Baseline: URIRef
    BatterySystem: URIRef
    CapacityTerm: URIRef
    ChangeRecord: URIRef
    Channel: URIRef
    ComfortBand: URIRef
    ComfortProfile: URIRef
    ContractTerm: URIRef
    Cooperative: URIRef
    DER: URIRef
    DRCampaign: URIRef
    DREvent: URIRef
    DataConsent: URIRef
    DataGrant: URIRef
    DayRevision: URIRef
    DispatchInstruction: URIRef
    DurationTerm: URIRef
    EVCharger: URIRef
    Finding: URIRef
    FlexibilityContract: URIRef
    FlexibilityForecast: URIRef
    FlexibilityRequest: URIRef
    ForecastSeries: URIRef
    FrequencyTerm: URIRef
    GridConnectionPoint: URIRef
    GridNode: URIRef
    GridOperator: URIRef
    HeatPump: URIRef
    Import: URIRef
    Member: URIRef
    Message: URIRef
    MoneyAmount: URIRef
    NoticeTerm: URIRef
    NoticeWish: URIRef
    OpenSmartBox: URIRef
    OptOut: URIRef
    PVSystem: URIRef
    Partner: URIRef
    Pause: URIRef
    PortfolioResult: URIRef
    QualityFlag: URIRef
    Remuneration: URIRef
    RemunerationTerm: URIRef
    SettlementResult: URIRef
    SettlementRun: URIRef
    Signature: URIRef
    Site: URIRef
    SmartMeter: URIRef
    SmartPlug: URIRef
    Tariff: URIRef
    ThermalZone: URIRef
    Thermostat: URIRef
    VirtualPowerPlant: URIRef
    WeatherStation: URIRef
    WindowTerm: URIRef
    activatedAt: URIRef
    amount: URIRef
    at: URIRef
    availableForDR: URIRef
    baselineEnergy: URIRef
    baselineMethod: URIRef
    claimedBy: URIRef
    clockOffset: URIRef
    confidence: URIRef
    connectedVia: URIRef
    controlType: URIRef
    copyOf: URIRef
    covers: URIRef
    dataCategory: URIRef
    day: URIRef
    deletedText: URIRef
    deletedTriples: URIRef
    deliveredEnergy: URIRef
    deliveredLower: URIRef
    deliveredUpper: URIRef
    departureTime: URIRef
    deviceProfile: URIRef
    digest: URIRef
    direction: URIRef
    editNumber: URIRef
    editedGraph: URIRef
    editedThing: URIRef
    end: URIRef
    endOffset: URIRef
    fedBy: URIRef
    flagOf: URIRef
    forCampaign: URIRef
    forDER: URIRef
    forEvent: URIRef
    forProperty: URIRef
    forSite: URIRef
    hasBand: URIRef
    hasBaseline: URIRef
    hasFinding: URIRef
    hasIncome: URIRef
    hasPause: URIRef
    hasPortfolioResult: URIRef
    hasPrice: URIRef
    hasQuantile: URIRef
    hasReading: URIRef
    hasSeries: URIRef
    hasSignature: URIRef
    hasTerm: URIRef
    importedInto: URIRef
    insertedText: URIRef
    insertedTriples: URIRef
    languageTag: URIRef
    latestAt: URIRef
    latestValue: URIRef
    locatedAt: URIRef
    managedBy: URIRef
    maxActivations: URIRef
    maxDuration: URIRef
    maximum: URIRef
    maximumChange: URIRef
    measuredReduction: URIRef
    meteredEnergy: URIRef
    minDuration: URIRef
    minNotice: URIRef
    minimum: URIRef
    model: URIRef
    moneyRole: URIRef
    nearestNode: URIRef
    notAfter: URIRef
    notifiedAt: URIRef
    offset: URIRef
    onWeekday: URIRef
    ownedBy: URIRef
    partOfCampaign: URIRef
    partOfEvent: URIRef
    pausedAt: URIRef
    perPeriod: URIRef
    placeboBias: URIRef
    promisedEnergy: URIRef
    purpose: URIRef
    reason: URIRef
    recordedGraph: URIRef
    reductionEnergy: URIRef
    releasedAt: URIRef
    requestedEnergy: URIRef
    resampling: URIRef
    respondsTo: URIRef
    resumedAt: URIRef
    revision: URIRef
    revisionOf: URIRef
    role: URIRef
    rollsOverAt: URIRef
    sameDayAdjustment: URIRef
    seriesRole: URIRef
    signConvention: URIRef
    signedAt: URIRef
    signedBy: URIRef
    slotValue: URIRef
    spreadFrom: URIRef
    start: URIRef
    status: URIRef
    stuckAfter: URIRef
    supersededValue: URIRef
    supersededValues: URIRef
    targetStateOfCharge: URIRef
    timeZone: URIRef
    underContract: URIRef
    unwrittenRow: URIRef
    usedRevision: URIRef
    validFrom: URIRef
    validTo: URIRef
    values: URIRef
    wantsNotice: URIRef
    windowEnd: URIRef
    windowStart: URIRef
    withdrawnAt: URIRef
    writtenRows: URIRef


class FCV(DefinedNamespace):
    """Terms of https://w3id.org/flexcoop/vocab/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("https://w3id.org/flexcoop/vocab/")
    ActivationPrice: URIRef
    ActiveEnergy: URIRef
    ActivePower: URIRef
    AirTemperature: URIRef
    Backup: URIRef
    BaselineMethods: URIRef
    BaselinePower: URIRef
    CampaignAborted: URIRef
    CampaignFinished: URIRef
    CampaignOngoing: URIRef
    CampaignPaused: URIRef
    CampaignRequested: URIRef
    CampaignScheduled: URIRef
    CampaignSettled: URIRef
    CampaignStatuses: URIRef
    ChargingEfficiency: URIRef
    ClockSkew: URIRef
    CoefficientOfPerformance: URIRef
    ConsumptionPositive: URIRef
    ContractActive: URIRef
    ContractBreach: URIRef
    ContractDraft: URIRef
    ContractEnded: URIRef
    ContractStatuses: URIRef
    ContractsData: URIRef
    ControlTypes: URIRef
    CooperativeShare: URIRef
    CounterReset: URIRef
    CounterRollover: URIRef
    Current: URIRef
    DDBC: URIRef
    DataCategories: URIRef
    DeviceFault: URIRef
    DeviceOffline: URIRef
    DeviceUnreachable: URIRef
    Directions: URIRef
    EnergyPrice: URIRef
    EnergyRegister: URIRef
    EventActive: URIRef
    EventCancelled: URIRef
    EventCancelledNotice: URIRef
    EventChangedNotice: URIRef
    EventCompleted: URIRef
    EventOptedOut: URIRef
    EventPlannedNotice: URIRef
    EventRoles: URIRef
    EventScheduled: URIRef
    EventSettledNotice: URIRef
    EventStandby: URIRef
    EventStatuses: URIRef
    EventsData: URIRef
    ExportLimit: URIRef
    ExportPositive: URIRef
    FRBC: URIRef
    FactsData: URIRef
    FewPlaceboDays: URIRef
    FindingCodes: URIRef
    FirstOfParts: URIRef
    FlaggedReadings: URIRef
    ForecastModels: URIRef
    Frequency: URIRef
    Friday: URIRef
    HighFiveOfTen: URIRef
    ImplausibleChange: URIRef
    ImportLimit: URIRef
    ImportPositive: URIRef
    Irradiance: URIRef
    LastOfParts: URIRef
    LateArrival: URIRef
    LatestData: URIRef
    LimitNotKept: URIRef
    LoadIncrease: URIRef
    LoadReduction: URIRef
    ManualOverride: URIRef
    MarketIncome: URIRef
    MeanOfParts: URIRef
    MemberChoice: URIRef
    MemberShare: URIRef
    MembershipChanged: URIRef
    MeterSwap: URIRef
    MinimumStateOfCharge: URIRef
    MissingReadings: URIRef
    MissingWeather: URIRef
    Monday: URIRef
    MoneyRoles: URIRef
    NegativeCooperativeShare: URIRef
    NoAdjustment: URIRef
    NotAccepted: URIRef
    NoticeKinds: URIRef
    OMBC: URIRef
    OptOutReasons: URIRef
    OutOfRange: URIRef
    PEBC: URIRef
    PPBC: URIRef
    PartialInterval: URIRef
    PersistedWeather: URIRef
    PlansData: URIRef
    PluggedIn: URIRef
    PowerLimit: URIRef
    Primary: URIRef
    ProductionPositive: URIRef
    PropertyKinds: URIRef
    QualityReasons: URIRef
    QuantileRegression: URIRef
    RatedPower: URIRef
    ReductionEnergy: URIRef
    RegisterMismatch: URIRef
    RelativeHumidity: URIRef
    ResamplingRules: URIRef
    RidgeRegression: URIRef
    RoundTripEfficiency: URIRef
    SGReadyState: URIRef
    Saturday: URIRef
    SeasonalNaive: URIRef
    SentinelValue: URIRef
    SeriesRoles: URIRef
    SetpointOverridden: URIRef
    SevenDayMean: URIRef
    SharingFactor: URIRef
    ShortHistory: URIRef
    SignConventions: URIRef
    SignatureMismatch: URIRef
    Signed: URIRef
    StateOfCharge: URIRef
    StatementsData: URIRef
    StorageCapacity: URIRef
    StuckValue: URIRef
    SumOfParts: URIRef
    Sunday: URIRef
    Superseded: URIRef
    SwitchState: URIRef
    TargetStateOfCharge: URIRef
    TelemetryData: URIRef
    TemperatureSetpoint: URIRef
    TenOfTen: URIRef
    ThermalCapacitance: URIRef
    ThermalResistance: URIRef
    Thursday: URIRef
    TooFewMembers: URIRef
    Tuesday: URIRef
    Unsigned: URIRef
    Voltage: URIRef
    WaterTemperature: URIRef
    WeatherRegression: URIRef
    Wednesday: URIRef
    Weekdays: URIRef
    WithheldWithAnother: URIRef


class SAREF(DefinedNamespace):
    """Terms of https://saref.etsi.org/core/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("https://saref.etsi.org/core/")
    Device: URIRef
    FeatureOfInterest: URIRef
    Meter: URIRef
    Observation: URIRef
    ProcedureExecution: URIRef
    Profile: URIRef
    Property: URIRef
    PropertyOfInterest: URIRef
    PropertyValue: URIRef
    UnitOfMeasure: URIRef
    controls: URIRef
    hasIdentifier: URIRef
    hasManufacturer: URIRef
    hasModel: URIRef
    hasPropertyKind: URIRef
    hasPropertyValue: URIRef
    hasResult: URIRef
    hasTimestamp: URIRef
    hasValue: URIRef
    isMeasuredIn: URIRef
    isPropertyOfInterestOf: URIRef
    isValueOfProperty: URIRef
    madeBy: URIRef
    observes: URIRef


class S4ENER(DefinedNamespace):
    """Terms of https://saref.etsi.org/saref4ener/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("https://saref.etsi.org/saref4ener/")
    Aborted: URIRef
    Accepted: URIRef
    AllowedLimitRange: URIRef
    Device: URIRef
    EuroPerKilowattHour: URIRef
    FlexOffer: URIRef
    FlexRequest: URIRef
    FlexibilityInstruction: URIRef
    FlexibilityProfile: URIRef
    IncentiveTableProfile: URIRef
    InstructionStatus: URIRef
    LoadControlEventData: URIRef
    New: URIRef
    PEBCInstruction: URIRef
    Power: URIRef
    PowerLimit: URIRef
    Rejected: URIRef
    Revoked: URIRef
    Started: URIRef
    Storage: URIRef
    Succeeded: URIRef
    TimeSeries: URIRef
    hasActiveDurationMax: URIRef
    hasActiveDurationMin: URIRef
    hasCreationTime: URIRef
    hasInstructionStatus: URIRef
    hasQuantile: URIRef
    hasRecipient: URIRef
    hasTemporalResolution: URIRef
    maxCyclesPerDay: URIRef
    producedBy: URIRef


class S4BLDG(DefinedNamespace):
    """Terms of https://saref.etsi.org/saref4bldg/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("https://saref.etsi.org/saref4bldg/")
    BuildingSpace: URIRef
    ElectricFlowStorageDevice: URIRef
    EnergyConversionDevice: URIRef
    SolarDevice: URIRef


class S4SYST(DefinedNamespace):
    """Terms of https://saref.etsi.org/saref4syst/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("https://saref.etsi.org/saref4syst/")
    ConnectionPoint: URIRef
    System: URIRef
    connectionPointOf: URIRef
    connectsAt: URIRef
    subSystemOf: URIRef


class SEAS(DefinedNamespace):
    """Terms of https://w3id.org/seas/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("https://w3id.org/seas/")
    Aggregator: URIRef
    Battery: URIRef
    ConnectionPoint: URIRef
    Contract: URIRef
    DistributionSystemOperator: URIRef
    ElectricPowerConsumer: URIRef
    ElectricPowerProducer: URIRef
    ElectricPowerStorageSystem: URIRef
    ElectricPowerSystem: URIRef
    ElectricVehicleServiceEquipment: URIRef
    EnergyEndCustomer: URIRef
    Forecast: URIRef
    Player: URIRef
    SmartMeter: URIRef
    System: URIRef
    Transaction: URIRef
    Zone: URIRef
    buyer: URIRef
    isOwnedBy: URIRef
    seller: URIRef


class SOSA(DefinedNamespace):
    """Terms of http://www.w3.org/ns/sosa/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://www.w3.org/ns/sosa/")
    FeatureOfInterest: URIRef
    ObservableProperty: URIRef
    Observation: URIRef
    hasSimpleResult: URIRef


class UNIT(DefinedNamespace):
    """Terms of http://qudt.org/vocab/unit/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://qudt.org/vocab/unit/")
    _extras: ClassVar[list[str]] = ["K-PER-W", "KiloW-HR", "MegaJ-PER-K", "MegaW-HR", "W-HR", "W-PER-M2"]
    A: URIRef
    CCY_EUR: URIRef
    DEG_C: URIRef
    DEG_F: URIRef
    HZ: URIRef
    K: URIRef
    KiloW: URIRef
    MegaW: URIRef
    PERCENT: URIRef
    UNITLESS: URIRef
    V: URIRef
    W: URIRef


class QUDT(DefinedNamespace):
    """Terms of http://qudt.org/schema/qudt/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://qudt.org/schema/qudt/")
    Unit: URIRef
    applicableUnit: URIRef
    hasUnit: URIRef
    symbol: URIRef


class PROV(DefinedNamespace):
    """Terms of http://www.w3.org/ns/prov# that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://www.w3.org/ns/prov#")
    Activity: URIRef
    Agent: URIRef
    Collection: URIRef
    Entity: URIRef
    SoftwareAgent: URIRef
    actedOnBehalfOf: URIRef
    endedAtTime: URIRef
    hadMember: URIRef
    invalidatedAtTime: URIRef
    startedAtTime: URIRef
    used: URIRef
    wasAssociatedWith: URIRef
    wasAttributedTo: URIRef
    wasDerivedFrom: URIRef
    wasGeneratedBy: URIRef
    wasRevisionOf: URIRef


class ORG(DefinedNamespace):
    """Terms of http://www.w3.org/ns/org# that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://www.w3.org/ns/org#")
    FormalOrganization: URIRef
    Organization: URIRef
    memberOf: URIRef


class FOAF(DefinedNamespace):
    """Terms of http://xmlns.com/foaf/0.1/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://xmlns.com/foaf/0.1/")
    Agent: URIRef
    mbox: URIRef
    name: URIRef
    phone: URIRef


class ODRL(DefinedNamespace):
    """Terms of http://www.w3.org/ns/odrl/2/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://www.w3.org/ns/odrl/2/")
    Agreement: URIRef
    Policy: URIRef
    assignee: URIRef
    assigner: URIRef
    target: URIRef


class DPV(DefinedNamespace):
    """Terms of http://www.w3.org/ns/dpv# that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://www.w3.org/ns/dpv#")
    Consent: URIRef
    Purpose: URIRef
    ResearchAndDevelopment: URIRef
    ServiceProvision: URIRef
    hasPurpose: URIRef


class SKOS(DefinedNamespace):
    """Terms of http://www.w3.org/2004/02/skos/core# that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://www.w3.org/2004/02/skos/core#")
    Concept: URIRef
    ConceptScheme: URIRef
    closeMatch: URIRef
    editorialNote: URIRef
    inScheme: URIRef
    prefLabel: URIRef
    relatedMatch: URIRef
    topConceptOf: URIRef


class DCTERMS(DefinedNamespace):
    """Terms of http://purl.org/dc/terms/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://purl.org/dc/terms/")
    description: URIRef
    identifier: URIRef
    isPartOf: URIRef
    license: URIRef
    source: URIRef
    title: URIRef


class DCAM(DefinedNamespace):
    """Terms of http://purl.org/dc/dcam/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://purl.org/dc/dcam/")
    domainIncludes: URIRef
    rangeIncludes: URIRef


class DCAT(DefinedNamespace):
    """Terms of http://www.w3.org/ns/dcat# that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://www.w3.org/ns/dcat#")
    Dataset: URIRef


class SD(DefinedNamespace):
    """Terms of http://www.w3.org/ns/sparql-service-description# that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://www.w3.org/ns/sparql-service-description#")
    Dataset: URIRef
    Feature: URIRef
    Function: URIRef
    Graph: URIRef
    Language: URIRef
    NamedGraph: URIRef
    SPARQL11Query: URIRef
    SPARQL11Update: URIRef
    Service: URIRef
    UnionDefaultGraph: URIRef
    defaultDataset: URIRef
    defaultGraph: URIRef
    endpoint: URIRef
    extensionFunction: URIRef
    feature: URIRef
    name: URIRef
    namedGraph: URIRef
    resultFormat: URIRef
    supportedLanguage: URIRef


class FORMATS(DefinedNamespace):
    """Terms of http://www.w3.org/ns/formats/ that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://www.w3.org/ns/formats/")
    _extras: ClassVar[list[str]] = ["JSON-LD", "N-Triples"]
    Format: URIRef
    RDF_XML: URIRef
    SPARQL_Results_CSV: URIRef
    SPARQL_Results_JSON: URIRef
    SPARQL_Results_TSV: URIRef
    SPARQL_Results_XML: URIRef
    Turtle: URIRef


class WGS84(DefinedNamespace):
    """Terms of http://www.w3.org/2003/01/geo/wgs84_pos# that FLEXCoop uses."""

    _fail = True
    _NS = Namespace("http://www.w3.org/2003/01/geo/wgs84_pos#")
    lat: URIRef
    long: URIRef
