#+ summary: Take the days of one month's graph that are earlier than a date away, with their flags and earlier revisions
#+ param graph: iri (the telemetry graph of the month)
#+ param before: xsd:date
#+ used by: telemetry.retention
PREFIX fc: <https://w3id.org/flexcoop/ns#>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
DELETE { GRAPH ?graph { ?flag ?p ?o } } WHERE {
  VALUES (?graph ?before) { (<http://127.0.0.1:8080/graph/member/h01/telemetry/2016-08> "2016-08-12"^^xsd:date) }
  GRAPH ?graph { ?day fc:day ?date . ?flag fc:flagOf ?day ; ?p ?o }
  FILTER(?date < ?before)
} ;
DELETE { GRAPH ?graph { ?revision ?p ?o } } WHERE {
  VALUES (?graph ?before) { (<http://127.0.0.1:8080/graph/member/h01/telemetry/2016-08> "2016-08-12"^^xsd:date) }
  GRAPH ?graph { ?day fc:day ?date . ?revision fc:revisionOf ?day ; ?p ?o }
  FILTER(?date < ?before)
} ;
DELETE { GRAPH ?graph { ?day ?p ?o } } WHERE {
  VALUES (?graph ?before) { (<http://127.0.0.1:8080/graph/member/h01/telemetry/2016-08> "2016-08-12"^^xsd:date) }
  GRAPH ?graph { ?day fc:day ?date ; ?p ?o }
  FILTER(?date < ?before)
}
