/** What is deployed cannot be told: names the option, the repository or the file, and says why. */
export class DeploymentError extends Error {}
