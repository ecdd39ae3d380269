// The package that evaluates the rules of `buf.validate`. Teams without such rules need not install it.

/**
 * Loads protovalidate and the descriptors of its rules.
 *
 * @throws {Error} naming the package if it is not installed.
 */
export async function loadProtovalidate() {
  try {
    const [protovalidate, descriptors] = await Promise.all([
      import('@bufbuild/protovalidate'),
      import('@bufbuild/protovalidate/gen/buf/validate/validate_pb.js'),
    ]);
    return { ...protovalidate, ...descriptors };
  } catch (error) {
    throw new Error('the rules of buf.validate need the package @bufbuild/protovalidate: install it', { cause: error });
  }
}
