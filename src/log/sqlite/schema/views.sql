-- The reports in readable form: one row per report.
CREATE VIEW observations_readable AS
SELECT o.id,
       datetime(o.time, 'unixepoch')                     AS seen_at,
       coalesce(p.name, r.phy)                           AS phy,
       substr(o.hex, 1, 2) || ':' || substr(o.hex, 3, 2) || ':' || substr(o.hex, 5, 2) || ':' ||
       substr(o.hex, 7, 2) || ':' || substr(o.hex, 9, 2) || ':' || substr(o.hex, 11, 2) AS address,
       CAST(s.ssid AS TEXT)                              AS ssid,
       c.text                                            AS capabilities,
       n.text                                            AS channel,
       o.frequency_khz / 1000                            AS frequency_mhz,
       o.signal_dbm,
       o.lat_e7 / 1e7                                    AS lat,
       o.lon_e7 / 1e7                                    AS lon,
       o.alt_mm / 1e3                                    AS alt_m,
       o.accuracy_mm / 1e3                               AS accuracy_m,
       o.extra,
       u.uuid                                            AS source,
       r.position                                        AS batch,
       datetime(r.received_at_us / 1000000, 'unixepoch') AS received_at
FROM (SELECT *, printf('%012X', address) AS hex FROM observations) o
         JOIN records r ON r.position = o.record
         JOIN sources u ON u.id = r.source
         LEFT JOIN phys p ON p.id = o.phy
         LEFT JOIN ssids s ON s.id = o.ssid
         LEFT JOIN capabilities c ON c.id = o.capabilities
         LEFT JOIN channels n ON n.id = o.channel;

-- One row per Wi-Fi access point, with the name and the capabilities of the latest report that had them.
-- (With max(), SQLite takes the other columns from the row that has the maximum.)
CREATE VIEW access_points AS
WITH seen AS (SELECT address, min(seen_at) AS first_seen, max(seen_at) AS last_seen, count(*) AS reports,
                     max(signal_dbm) AS strongest_dbm
              FROM observations_readable WHERE phy = 'IEEE802.11' GROUP BY address),
     named AS (SELECT address, ssid, max(seen_at) FROM observations_readable WHERE ssid <> '' GROUP BY address),
     secured AS (SELECT address, capabilities, max(seen_at) FROM observations_readable
                 WHERE capabilities IS NOT NULL GROUP BY address)
SELECT seen.address AS bssid, named.ssid, secured.capabilities, first_seen, last_seen, reports, strongest_dbm
FROM seen
         LEFT JOIN named USING (address)
         LEFT JOIN secured USING (address);
