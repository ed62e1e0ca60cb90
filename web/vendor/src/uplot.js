// Charts of lines on a canvas.
export { default } from "uplot";
