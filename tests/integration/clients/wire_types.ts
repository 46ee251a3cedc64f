// Names for what schema_test.mjs makes JSON Schemas of; the client's own "Response" is also the name of a browser's class.
import type OpenAI from 'openai';

export type Chat = OpenAI.ChatCompletion;
export type ChatChunk = OpenAI.ChatCompletionChunk;
export type Text = OpenAI.Completion;
// Before the last chunk there is no reason yet; the client has one type for both.
export type TextChunk = Omit<Text, 'choices'> & {
  choices: Array<Omit<OpenAI.CompletionChoice, 'finish_reason'> & { finish_reason: 'stop' | 'length' | 'content_filter' | null }>;
};
export type Embeddings = OpenAI.CreateEmbeddingResponse;
export type ModelCard = OpenAI.Model;
// The client adds output_text itself; it is not on the wire.
export type ResponseBody = Omit<OpenAI.Responses.Response, 'output_text'>;
export type ResponseEvent = OpenAI.Responses.ResponseStreamEvent;
export type ResponseItems = OpenAI.Responses.ResponseItemList;
