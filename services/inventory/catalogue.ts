// The initial catalogue. Data only.
import type { ProductDraft } from './product.ts';

/** The name that records in the database that the initial catalogue was inserted. */
export const FIRST_CATALOGUE_NAME = 'first-catalogue';

/** The only product that synthetic orders may reserve. */
export const TEST_PRODUCT = 'test-product';

/** The initial products, by product id. */
export const FIRST_CATALOGUE: readonly ProductDraft[] = [
  inEuro('12345', 'Walnut desk lamp', 5_999n, 100),
  inEuro('prod101', 'Enamel coffee mug', 1_450n, 250),
  inEuro('prod102', 'Linen tea towel', 990n, 400),
  inEuro('prod103', 'Cast-iron skillet', 4_490n, 60),
  inEuro('prod104', 'Oak chopping board', 3_250n, 80),
  inEuro('prod105', 'Glass storage jar', 890n, 300),
  inEuro('prod106', 'Wool throw blanket', 7_900n, 40),
  inEuro('prod107', 'Brass wall hook', 650n, 500),
  inEuro('prod108', 'Beeswax candle', 1_190n, 350),
  inEuro('prod109', 'Ceramic plant pot', 1_790n, 120),
  inEuro('prod110', 'Cork trivet', 790n, 200),
  inEuro('prod111', 'Steel water bottle', 2_490n, 180),
  inEuro('prod112', 'Canvas shopping bag', 1_290n, 600),
  inEuro('prod456', 'Stoneware dinner plate', 2_000n, 100),
  inEuro('prod789', 'Bamboo cutlery set', 1_250n, 50),
  inEuro(TEST_PRODUCT, 'Test product of the monitor', 100n, 1_000),
];

function inEuro(productId: string, name: string, minorUnits: bigint, initialOnHand: number): ProductDraft {
  return { productId, name, unitPrice: { currencyCode: 'EUR', minorUnits }, initialOnHand };
}
