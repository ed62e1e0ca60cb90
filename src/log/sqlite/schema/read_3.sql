-- Presents a file of version 1 to 3, opened for reading only, with the tables of this version.

CREATE TEMP VIEW nodes AS SELECT NULL AS id, NULL AS uuid WHERE 0;
CREATE TEMP VIEW phys AS SELECT NULL AS id, NULL AS name WHERE 0;
CREATE TEMP VIEW observations AS
SELECT id, batch AS record, time, address, ssid, capabilities, channel, frequency_khz, signal_dbm,
       lat_e7, lon_e7, alt_mm, speed_m_h, extra, NULL AS phy, NULL AS accuracy_mm
FROM main.observations;
CREATE TEMP VIEW records AS
SELECT position, iif(annotation IS NULL, source, NULL) AS source, source_name, phy, received_at_us, identity,
       accepted, rejected, annotation AS content, iif(annotation IS NULL, NULL, 'annotation') AS kind,
       NULL AS id, NULL AS node, NULL AS origin_node, NULL AS origin_position, NULL AS chain
FROM (SELECT position, source, source_name, phy, received_at_us, identity, accepted, rejected, /* annotation */
      FROM main.batches);
