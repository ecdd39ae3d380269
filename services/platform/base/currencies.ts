// The currencies of ISO 4217 and their decimals. A list of our own: what Intl knows depends on the build of Node, and its decimals are
// those of everyday prices (none for HUF), not those of the standard. Pure.

// In use in 2026, without metals, baskets and test codes; the codes withdrawn since 2020 (ANG, BGN, CUC, HRK, SLL, ZWL) are kept,
// because stored orders may have them.
const TWO_DECIMALS = `AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
  CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD
  KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN
  PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD
  USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG ZWL`;
const OTHERS = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
  [4, 'CLF UYW'],
] as const;

const DECIMALS: ReadonlyMap<string, number> = new Map(
  [[2, TWO_DECIMALS] as const, ...OTHERS].flatMap(([decimals, codes]) =>
    codes.split(/\s+/).map((code) => [code, decimals] as const),
  ),
);

/** The decimals of a currency's amounts, by its upper-case code; undefined for an unknown one. */
export function decimalsOf(currencyCode: string): number | undefined {
  return DECIMALS.get(currencyCode);
}
