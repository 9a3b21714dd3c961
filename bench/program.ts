/** Which database a program stands on. */
export type BenchEngine = 'sqlite' | 'lmdb' | 'memory' | 'file'

/** What is appended: about 256 bytes of JSON. */
export interface BenchEvent {
  readonly type: string
  readonly data: object
  readonly id?: string
}

/** Something that stores events, so that ours and the hand-written ones are measured by the same code. */
export interface Program {
  /** Resolves when the event is durable. */
  append(streamId: string, event: BenchEvent): Promise<unknown>
  /** Appends several events to one stream, all or none. */
  appendBatch(streamId: string, events: readonly BenchEvent[]): Promise<unknown>
  /** Reads a stream from its beginning; `touch` looks at every event's data. Returns the number of events. */
  readStream(streamId: string, touch: boolean): Promise<number>
  /** Reads everything in order. */
  readLog(touch: boolean): Promise<number>
  close(): Promise<void>
}

/** Opens a program on a folder. */
export type OpenProgram = (folder: string) => Promise<Program>
