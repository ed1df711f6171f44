"""One home as its owner and its box state it, with a contract and the registry."""

from collections.abc import Mapping

from pyoxigraph import NamedNode, Quad, RdfFormat, parse

PREFIXES = """
@prefix fc: <https://w3id.org/flexcoop/ns#> . @prefix fcv: <https://w3id.org/flexcoop/vocab/> . @prefix saref: <https://saref.etsi.org/core/> .
@prefix unit: <http://qudt.org/vocab/unit/> . @prefix qudt: <http://qudt.org/schema/qudt/> . @prefix org: <http://www.w3.org/ns/org#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> . @prefix ex: <http://example.org/> .
@prefix s4ener: <https://saref.etsi.org/saref4ener/> . @prefix seas: <https://w3id.org/seas/> .
@base <http://127.0.0.1:8080/id/> .
"""
FACTS = """
<member/h01> a fc:Member ; rdfs:label "Member h01"@en , "Socio h01"@es ; org:memberOf <cooperative/demo> .
<site/h01> a fc:Site ; rdfs:label "Home h01"@en ; fc:ownedBy <member/h01> ; fc:timeZone "Europe/Madrid" .
<connection/h01> a fc:GridConnectionPoint ; rdfs:label "Grid connection of h01"@en .
<osb/h01> fc:claimedBy <member/h01> ; fc:locatedAt <site/h01> .
<device/h01-battery> fc:ownedBy <member/h01> ; fc:availableForDR true .
"""
BOX = """
<osb/h01> a fc:OpenSmartBox ; rdfs:label "OSB h01"@en ; saref:hasIdentifier "osb-h01" ; saref:hasManufacturer "FLEXCoop" ; saref:hasModel "simulated OSB" .
<device/h01-battery> a fc:BatterySystem ; rdfs:label "Battery"@en ; fc:locatedAt <site/h01> ; fc:connectedVia <connection/h01> ; fc:managedBy <osb/h01> ;
  fc:controlType fcv:FRBC ; ex:colour "white" ; saref:hasPropertyValue <device/h01-battery#ratedPower> , <device/h01-battery#storageCapacity> ,
  <device/h01-battery#roundTripEfficiency> , <device/h01-battery#minimumStateOfCharge> .
<device/h01-battery#ratedPower> a saref:PropertyValue ; saref:isValueOfProperty fcv:RatedPower ; saref:hasValue 5.0 ; saref:isMeasuredIn unit:KiloW ; ex:source "plate" .
<device/h01-battery#storageCapacity> a saref:PropertyValue ; saref:isValueOfProperty fcv:StorageCapacity ; saref:hasValue 0.5 ; saref:isMeasuredIn unit:KiloW-HR .
<device/h01-battery#roundTripEfficiency> a saref:PropertyValue ; saref:isValueOfProperty fcv:RoundTripEfficiency ; saref:hasValue 0.95 ; saref:isMeasuredIn unit:UNITLESS .
<device/h01-battery#minimumStateOfCharge> a saref:PropertyValue ; saref:isValueOfProperty fcv:MinimumStateOfCharge ; saref:hasValue 10 ; saref:isMeasuredIn unit:PERCENT .
"""
CONTRACT = """
<contract/h01/r1> a fc:FlexibilityContract ; seas:buyer <cooperative/demo> ; seas:seller <member/h01> ; fc:covers <device/h01-battery> ;
  fc:validFrom "2016-08-01"^^xsd:date ; fc:validTo "2017-07-31"^^xsd:date ; fc:baselineMethod fcv:TenOfTen ; fc:status fcv:ContractDraft ;
  fc:hasTerm <contract/h01/r1#capacity> , <contract/h01/r1#duration> , <contract/h01/r1#frequency> , <contract/h01/r1#notice> , <contract/h01/r1#price> ,
  <contract/h01/r1#window> , <contract/h01/r1#window-2> .
<contract/h01/r1#capacity> a fc:CapacityTerm , saref:PropertyValue ; fc:direction fcv:LoadReduction ; saref:hasValue 6.5 ; saref:isMeasuredIn unit:KiloW .
<contract/h01/r1#duration> a fc:DurationTerm ; fc:minDuration "PT15M"^^xsd:dayTimeDuration ; fc:maxDuration "PT2H"^^xsd:dayTimeDuration .
<contract/h01/r1#frequency> a fc:FrequencyTerm ; fc:maxActivations 1 ; fc:perPeriod "P1D"^^xsd:dayTimeDuration .
<contract/h01/r1#notice> a fc:NoticeTerm ; fc:minNotice "PT1H"^^xsd:dayTimeDuration .
<contract/h01/r1#price> a fc:RemunerationTerm , saref:PropertyValue ; saref:hasValue 0.25 ; saref:isMeasuredIn s4ener:EuroPerKilowattHour .
<contract/h01/r1#window> a fc:WindowTerm ; fc:windowStart "07:00:00"^^xsd:time ; fc:windowEnd "09:00:00"^^xsd:time .
<contract/h01/r1#window-2> a fc:WindowTerm ; fc:windowStart "16:00:00"^^xsd:time ; fc:windowEnd "22:00:00"^^xsd:time ; rdfs:comment "The evening."@en .
"""
REGISTRY = """
<cooperative/demo> a fc:Cooperative ; rdfs:label "Demo cooperative"@en , "Cooperativa de demostración"@es .
<node/feeder-1> a fc:GridNode ; rdfs:label "Low-voltage feeder 1"@en .
"""
PLACES: Mapping[str, str] = {"member/h01/facts": FACTS, "member/h01/osb/h01": BOX, "member/h01/contracts": CONTRACT, "registry": REGISTRY}


def turtle(text: str, graph: str) -> list[Quad]:
    """Read Turtle into a graph."""
    name = NamedNode(graph)
    return [Quad(each.subject, each.predicate, each.object, name) for each in parse(f"{PREFIXES}{text}", format=RdfFormat.TURTLE)]
