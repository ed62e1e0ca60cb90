// The encoder of QR codes. The page draws the modules itself.
export { qrcode } from "qrcode-generator";
