// The views and the sizes in which the tests show them.
export const DEVICE = "02:00:5E:AA:00:01";

export const VIEWS = {
  overview: "/ui/",
  map: "/ui/map",
  devices: "/ui/devices",
  device: `/ui/device/${DEVICE}`,
  locate: `/ui/locate/${DEVICE}`,
  channels: "/ui/channels",
  ssids: "/ui/ssids",
  sources: "/ui/sources",
  alerts: "/ui/alerts",
  import: "/ui/import",
  settings: "/ui/settings",
  login: "/ui/login",
};

export const SIZES = [
  { width: 360, height: 740 },
  { width: 768, height: 1024 },
  { width: 1280, height: 800 },
];
