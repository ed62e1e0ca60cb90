// Small pictures. Each stands beside a word, or its button has a label.
import { svg, html } from "../vendor/lit.js";

/** @type {Record<string, string>} */
const PATHS = {
  unlocked: "M7 10V7a5 5 0 0 1 9.6-2M5 10h14v10H5z",
  locked: "M7 10V7a5 5 0 0 1 10 0v3M5 10h14v10H5z",
  shield: "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6zM8.5 12l2.5 2.5 4.5-5",
  half: "M7 10V7a5 5 0 0 1 10 0v3M5 10h14v10H5zM12 10v10",
  warning: "M12 4L2.5 20h19zM12 10v5M12 17.5v.5",
  question: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.400M12 17.5v.5M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19",
  ok: "M4 12.5l5 5L20 6.5",
  info: "M12 11v6M12 7v.5M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19",
  close: "M5 5l14 14M19 5L5 19",
  menu: "M3 6h18M3 12h18M3 18h18",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5L21 21",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M16 4.5v5M8 14.5v5",
  up: "M12 20V5M5 12l7-7 7 7",
  down: "M12 4v15M5 12l7 7 7-7",
  more: "M9 5l7 7-7 7",
  external: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  download: "M12 3v12M6 10l6 6 6-6M4 20h16",
  wifi: "M2.5 9a14 14 0 0 1 19 0M6 13a8.5 8.5 0 0 1 12 0M9.5 16.5a3.5 3.5 0 0 1 5 0M12 20v.2",
  bluetooth: "M7 7.5l10 9-5 4.5V3l5 4.5-10 9",
  clock: "M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19M12 7v5.5l3.5 2",
  pause: "M8 5v14M16 5v14",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
  pin: "M12 21s7-6.5 7-12a7 7 0 0 0-14 0c0 5.5 7 12 7 12M12 6.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5",
  target: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 1v6M12 17v6M1 12h6M17 12h6",
  edit: "M4 20l1-5L16 4l4 4L9 19z",
  eye: "M2 12s3.5-7 10-7 10 7 10 7-3.5 7-10 7S2 12 2 12M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  trash: "M4 6h16M9 6V3h6v3M6 6l1 15h10l1-15",
};

/**
 * @param {string} name
 */
export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    ${svg`<path d=${PATHS[name] ?? PATHS.question ?? ""}></path>`}
  </svg>`;
}
