/** Version 0 takes the smallest code that holds the text. */
export function qrcode(
  version: number,
  correction: "L" | "M" | "Q" | "H",
): {
  addData(text: string): void;
  make(): void;
  getModuleCount(): number;
  isDark(row: number, column: number): boolean;
};
