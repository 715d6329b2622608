// What went wrong and was got over: pods start all the same, only slower.

/** The kinds of warnings: a closed set. */
export type WarningCode = 'template-damaged' | 'template-failed' | 'clone-failed';

/** Something that went wrong without failing a call. */
export interface Warning {
  /**
   * `template-damaged`: a template could not be used as it lay there and is made anew; `template-failed`: none could be
   * made, and the pod boots; `clone-failed`: the pod could not be cloned from its template, or others could not
   * so often that it is not tried, and boots.
   */
  readonly code: WarningCode;
  /** Why, in one sentence. */
  readonly message: string;
  /** Null where no pod has asked. */
  readonly podId: string | null;
}
